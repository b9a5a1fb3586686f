import { mount } from 'svelte';
import Calibrate from './Calibrate.svelte';

const target = document.getElementById('app');
if (target) mount(Calibrate, { target });
